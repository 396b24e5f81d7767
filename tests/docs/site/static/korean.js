// What Sphinx has no Korean for: Korean nouns have no plural, so one sentence serves both.
Documentation.addTranslations({
  locale: "ko",
  plural_expr: "0",
  messages: {
    "Search finished, found one page matching the search query.": [
      "${resultCount}건을 찾았다.",
    ],
  },
});

// A page that was found shows the words of the query, not the pairs of syllables in the index.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const parse = Search._parseQuery;
  Search._parseQuery = (query) => {
    const parsed = parse(query);
    localStorage.setItem("sphinx_highlight_terms", query.toLowerCase().trim());
    return parsed;
  };
});
