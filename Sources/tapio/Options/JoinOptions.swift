import ArgumentParser

/// Whether rows are shown with what was found out later.
struct JoinOptions: ParsableArguments {
    @Flag(
        name: .customLong("no-join"),
        help: "Show rows as they were written: fill in nothing from the tables beside the archive."
    )
    var isOff = false
}
