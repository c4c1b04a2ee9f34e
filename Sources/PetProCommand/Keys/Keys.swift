import ArgumentParser

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manages the service keys: who may call which command.",
        discussion: """
            A service shows its key once per connection, and never sends it to a Rookery service. The keyring has only \
            the public halves. Running services read changes of the keyring and of key files within half a second.

              petpro keys list
              petpro keys create payments --allow booking/get-booking --out payments.key
              petpro keys rotate booking
              petpro keys revoke 00aB3dE5fG7hI
            """,
        subcommands: [ListKeys.self, CreateKey.self, RotateKey.self, RevokeKey.self, ImportKey.self])
}
