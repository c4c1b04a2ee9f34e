import RookeryCore

/// What a service key allows at a server.
final class Grant: Sendable {
    let caller: Caller
    /// By the positions of the router's entries.
    private let allowed: [Bool]

    init(_ record: KeyRecord, _ service: String, _ commands: [Command]) {
        caller = record.caller
        allowed = commands.map { record.allows(service, $0.wireName) }
    }

    func allows(_ position: Int) -> Bool { position < allowed.count && allowed[position] }
}
