"""A stand-in for Slack: its Web API, the rules of its blocks, its workspace, and what it tells an app of its people."""
