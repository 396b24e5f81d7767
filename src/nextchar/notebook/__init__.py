"""Results in Jupyter notebooks: tables, heat maps, pictures, and the progress of a training.

``import nextchar`` registers the displays with a running IPython (``displays``). They are not
``_repr_html_`` methods of the results, because a result knows nothing of the layers above it that
draw it. The displays are registered by the names of the classes, so nothing else is imported
before an object is shown.
"""
