"""What each stage of a nightly run does, free of Prefect so that `almanac plan` can use it too."""
