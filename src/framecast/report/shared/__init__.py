"""What the pages of all jobs share."""
