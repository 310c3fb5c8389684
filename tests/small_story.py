"""Story A so small that it is told in a minute: four signs that are told apart in twelve epochs."""

PARAMETERS = {
    "classes": "1,14,17,38",
    "tracks_per_class": 30,
    "frames_per_track": 5,
    "side": 64,
    "epochs": 12,
    "requests": 100,
    "attacked": 24,
    "explained": 3,
    "sampling_percentage": 100,
}
