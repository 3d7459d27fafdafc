"""Looking at data: frames for notebooks, one HTML report a run, and questions. Files only, no Spark."""
