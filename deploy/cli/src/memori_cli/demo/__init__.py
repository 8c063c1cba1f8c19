"""The main job, told on the terminal."""
