class CalibrationError(RuntimeError):
    """The server or the view cannot be used for calibration; one line that says what to do."""
