/// The commands that a service key allows: one command, all commands of a service, or everything.
///
/// As text: `booking/get-booking`, `booking/*` or `*`. A command is named by the `cmd` of its pattern if that is its only
/// member, or else by the pattern's normal form: `vendor/booking.created`, `booking/$rookery.health`.
package struct KeyScope: Sendable, Hashable, CustomStringConvertible {
    /// The name of the service. Nil for every service.
    package let service: String?
    /// The name of the command. Nil for every command.
    package let command: String?

    /// Everything.
    package static let everything = KeyScope(service: nil, command: nil)

    private init(service: String?, command: String?) {
        self.service = service
        self.command = command
    }

    /// Creates a scope of one command, or of all commands of a service.
    package init(_ service: String, _ command: String?) { self.init(service: service, command: command) }

    /// Parses a scope. Returns nil for other text.
    package init?(_ text: String) {
        if text == "*" {
            self = .everything
            return
        }
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let (service, command) = (String(text[..<slash]), String(text[text.index(after: slash)...]))
        guard !service.isEmpty, service != "*", !command.isEmpty else { return nil }
        self.init(service: service, command: command == "*" ? nil : command)
    }

    /// The scope as text.
    package var description: String {
        guard let service else { return "*" }
        return "\(service)/\(command ?? "*")"
    }

    /// Whether the scope allows a command of a service.
    package func allows(_ service: String, _ command: String) -> Bool {
        (self.service ?? service) == service && (self.command ?? command) == command
    }
}
