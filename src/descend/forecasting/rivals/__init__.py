"""Classical methods, from repeating the last value to ARIMA: what a network has to beat."""
