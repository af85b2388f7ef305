"""Others on the same split: the mean, a linear model, gradient boosting."""
