import ArgumentParser

struct Encryption: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manages the encryption keys of the databases, and the field keys between services.",
        discussion: """
            Each person has a data key in each service, and an encryption key seals the data keys. To replace it:

              petpro encryption rotate             makes a new key; running services seal all data keys with it
              petpro encryption list               shows when no data key needs the old one
              petpro encryption retire OLD-ID      takes the old one away

            Without the encryption keys, the personal data is lost: keep a copy of their file, apart from the databases. \
            With --fields, the commands are about the field keys, which encrypt personal data between services. No data is lost \
            with those.
            """,
        subcommands: [
            ListEncryptionKeys.self, RotateEncryptionKey.self, PromoteEncryptionKey.self, RetireEncryptionKey.self,
        ])
}
