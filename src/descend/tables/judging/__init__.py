"""What predictions are worth: functions of arrays and of a function that predicts."""
