"""The demo: the main job against real servers that it starts itself."""
