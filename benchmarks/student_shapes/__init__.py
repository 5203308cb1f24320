"""Which shape the student should have: several of them trained alike, with what each gives and what it costs."""
