"""What a lesson is made of: questions, exercises, its place in the course, its downloads."""
