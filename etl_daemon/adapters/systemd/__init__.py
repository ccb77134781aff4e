"""What systemd hears of the daemon: readiness, progress, reloads and the end."""
