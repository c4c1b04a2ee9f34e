import RookeryCore

/// What a service key allows at a server.
final class Grant: Sendable {
    let caller: Caller
    /// By the positions of the router's entries.
    private let allowed: [Bool]

    /// `commands` are those of each entry. An entry that runs several commands needs the scope of each.
    init(_ record: KeyRecord, _ service: String, _ commands: [[Command]]) {
        caller = record.caller
        allowed = commands.map { commands in commands.allSatisfy { record.allows(service, $0.scopeName) } }
    }

    func allows(_ position: Int) -> Bool { position < allowed.count && allowed[position] }
}
