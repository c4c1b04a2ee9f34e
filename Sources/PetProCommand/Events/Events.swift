import ArgumentParser

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the events that services wait to deliver, and those that a subscriber refused ten times.",
        discussion: """
            It reads and writes the databases in the folder --data, and works while the platform runs.
            """,
        subcommands: [ListEvents.self, ReplayEvent.self, DiscardEvent.self])
}
