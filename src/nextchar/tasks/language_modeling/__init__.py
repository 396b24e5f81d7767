"""Language modelling: predict the next symbol of running text."""
