import ArgumentParser

struct Certs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes certificates for TLS.", subcommands: [DevelopmentCertificates.self])
}
