import ArgumentParser

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the events that services wait to deliver, and the dead letters.",
        discussion: """
            It uses the databases in the folder --data, or the one of --database or PETPRO_DATABASE, and works while the \
            platform runs.
            """,
        subcommands: [ListEvents.self, ReplayEvent.self, DiscardEvent.self])
}
