"""What the search indexes in process share: rows, their cache, and the words for what fails."""
