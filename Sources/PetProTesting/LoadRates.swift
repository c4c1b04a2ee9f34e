public import ArgumentParser

/// Whether the platform under a load holds its clients to `rates.*`, as it does by default.
public enum LoadRates: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// The platform's defaults. A load then needs many customers, each at an address of its own.
    case enforce
    /// No limits, to load what the limits protect.
    case off

    /// The default: ``enforce``, but ``off`` where loopback has only one address, which is everywhere but on Linux.
    public static var standard: LoadRates {
        #if os(Linux)
        .enforce
        #else
        .off
        #endif
    }

    /// The setting of the gateway, for the environment of its process.
    public var environment: [String: String] { ["PETPRO_GATEWAY_RATES_MODE": rawValue] }

    /// Returns a loopback address of its own for a client, by its number from 0 to 62 499, in 127.1.0.0/16. Nil where loopback
    /// has only one address.
    public static func address(_ number: Int) -> String? {
        #if os(Linux)
        "127.1.\(number / 250 % 250).\(1 + number % 250)"
        #else
        nil
        #endif
    }
}
