#if !FUZZING
import ArgumentParser
import CommandSupport
import Foundation
import FuzzTargets

struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Gives each target its stored inputs. Ends with a crash if a promise is broken.")

    @Argument(help: "The folder with a folder of inputs for each target.", completion: .directory)
    var corpus: String

    func run() async throws {
        for target in FuzzTarget.allCases {
            let folder = "\(corpus)/\(target.rawValue)"
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            for name in names {
                guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else {
                    throw CommandFailure("cannot read \(folder)/\(name)")
                }
                data.withUnsafeBytes { target.run($0) }
            }
            Terminal.line("\(target.rawValue)  \(names.count) inputs")
        }
    }
}
#endif
