"""Story A so small that it is told in a minute and a half: four signs that are told apart in sixteen epochs."""

PARAMETERS = {
    "classes": "1,14,17,38",
    "tracks_per_class": 30,
    "frames_per_track": 6,
    "side": 64,
    "epochs": 16,
    "requests": 100,
    "attacked": 40,
    "explained": 3,
    "sampling_percentage": 100,
}
