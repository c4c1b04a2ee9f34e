import ArgumentParser
import CommandSupport
import Rookery

struct PasswordOptions: ParsableArguments {
    @Option(help: "What a password hash costs: the logarithm of scrypt's N. Below 17 only for tests.")
    var passwordCost = 17

    func validate() throws {
        if !(10...20).contains(passwordCost) { throw ValidationError("--password-cost must be 10 to 20") }
    }
}
