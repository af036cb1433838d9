"""The router: decides what an alert means for people and delivers it."""
