import Foundation
import FuzzTargets
import Testing

@Suite("What reads bytes of peers")
struct CorpusTests {
    @Test("keeps its promises for every stored input", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appendingPathComponent("Corpus")
            .appendingPathComponent(target.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count >= 5)
        // A broken promise ends the program.
        for file in files { try Data(contentsOf: file).withUnsafeBytes { target.run($0) } }
    }
}
