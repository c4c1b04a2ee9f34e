import ArgumentParser
import CommandSupport
import Rookery

struct PasswordOptions: ParsableArguments {
    @Option(help: "The cost of a password hash, 10 to 20: log2 of scrypt's N. Use less than 17 only in tests.")
    var passwordCost = 17

    func validate() throws {
        if !(10...20).contains(passwordCost) { throw ValidationError("--password-cost must be 10 to 20") }
    }
}
