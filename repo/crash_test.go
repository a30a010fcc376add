package repo_test

const envAppender = "GIM_TEST_APPENDER"

func appendUntilKilled(string) int { return 1 }
