import ArgumentParser
import AuthService
import CommandSupport
import Foundation
import Logging
import PetProContracts
import PetProRuntime
import PetProStorage
import Rookery

struct Users: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manages accounts directly in the database.",
        subcommands: [CreateAdmin.self, Disable.self, Enable.self, Hold.self, Release.self])

    struct CreateAdmin: AsyncParsableCommand {
        /// The environment variable that may hold the password, for scripts.
        static let passwordVariable = "PETPRO_ADMIN_PASSWORD"

        static let configuration = CommandConfiguration(
            commandName: "create-admin",
            abstract: "Creates an administrator's account. Clients cannot register as administrators.",
            discussion: """
                It writes to Auth's database, in the folder --data or of --database, and works while the platform runs. It \
                takes the password from the first line of --password-file, or else from \(passwordVariable) in the \
                environment, or else asks for it.
                """)

        @Option(help: "The email address to sign in with.")
        var email: String
        @Option(help: "The administrator's name.")
        var name: String
        @Option(help: ArgumentHelp("A file whose first line is the password.", valueName: "file"))
        var passwordFile: String?
        @OptionGroup var store: StoreOptions
        @OptionGroup var passwords: PasswordOptions

        func run() async throws {
            let password = try self.password()
            let user = try await Users.withAuth(store, passwords, about: email) { auth in
                try await auth.createAdmin(email: email, name: name, password: password)
            }
            Terminal.line("created the administrator \(user.email), account \(user.id)")
        }

        private func password() throws -> String {
            if let passwordFile {
                guard let data = FileManager.default.contents(atPath: passwordFile) else {
                    throw CommandFailure("cannot read --password-file \(passwordFile)")
                }
                let line = String(decoding: data, as: UTF8.self).split(separator: "\n", maxSplits: 1).first
                return line.map { String($0) } ?? ""
            }
            if let password = ProcessInfo.processInfo.environment[Self.passwordVariable] { return password }
            guard let password = Terminal.password("Password: ") else {
                throw CommandFailure("no password: type one, or set \(Self.passwordVariable), or give --password-file")
            }
            return password
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Disables an account: it cannot sign in, its tokens are no longer valid, and its sessions end.")

        @OptionGroup var account: AccountOptions

        func run() async throws { try await account.setDisabled(true) }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enables a disabled account again.")

        @OptionGroup var account: AccountOptions

        func run() async throws { try await account.setDisabled(false) }
    }

    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts an account under a legal hold. Until `release`, DELETE /api/me refuses to erase it.")

        @OptionGroup var account: AccountOptions

        func run() async throws { try await account.setHeld(true) }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends the legal hold of an account.")

        @OptionGroup var account: AccountOptions

        func run() async throws { try await account.setHeld(false) }
    }

    /// An account in the database, and what to do with it.
    struct AccountOptions: ParsableArguments {
        @Option(help: "The email address of the account.")
        var email: String
        @OptionGroup var store: StoreOptions
        @OptionGroup var passwords: PasswordOptions

        func setDisabled(_ isDisabled: Bool) async throws {
            let hasChanged = try await Users.withAuth(store, passwords, about: email) { auth in
                try await auth.setDisabled(isDisabled, email: email)
            }
            let state = isDisabled ? "disabled" : "enabled"
            Terminal.line(hasChanged ? "\(state) the account \(email)" : "the account \(email) is \(state) already")
        }

        func setHeld(_ isHeld: Bool) async throws {
            let hasChanged = try await Users.withAuth(store, passwords, about: email) { auth in
                try await auth.setHeld(isHeld, email: email)
            }
            let state = isHeld ? "under a legal hold" : "under no legal hold"
            Terminal.line("the account \(email) is \(state)\(hasChanged ? "" : " already")")
        }
    }

    /// Runs `body` with the Auth service of the database. Works while the platform runs.
    ///
    /// Throws ``CommandSupport/CommandFailure`` that names the database, the wrong field or `email`.
    private static func withAuth<Result>(
        _ store: StoreOptions, _ passwords: PasswordOptions, about email: String,
        _ body: (AuthController) async throws -> Result
    ) async throws -> Result {
        try store.prepareFolder()
        let place = store.databases.place(of: .auth)
        let quiet = Logger(label: "petpro") { _ in SwiftLogNoOpLogHandler() }
        let keys = try store.openEncryptionKeys(logger: quiet)
        let database: Database
        do {
            database = try place.open(AuthController.migrations, store.protection(of: .auth, keys))
        } catch {
            throw CommandFailure("cannot open the database \(place): \(error)")
        }
        defer { try? database.close() }
        let log = AuditLog(folder: store.auditFolder, logger: quiet, now: Instant.current)
        do {
            try await database.claim(store.demo ? .demo : .live)
            let auth = try await AuthController(
                database: database, signingKeys: store.signingKeysPath, passwordCost: passwords.passwordCost,
                audit: log.auditor("petpro"), logger: quiet)
            let result = try await body(auth)
            await log.flush()
            return result
        } catch let error as StoreKind.Mismatch {
            throw CommandFailure("\(place): \(error)")
        } catch let error as InvalidPayload {
            throw CommandFailure(error.violations.map { "\($0.path) \($0.message)" }.joined(separator: "\n"))
        } catch let error as RemoteError {
            throw CommandFailure("\(email): \(error.message ?? "\(error)")")
        }
    }
}
