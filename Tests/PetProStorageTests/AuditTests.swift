import Foundation
import Logging
import PetProRuntime
import Rookery
import Testing

private let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
private let november = Instant(milliseconds: 1_795_000_000_000)

@Suite("The audit log")
struct AuditTests {
    private let path = FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID())").path
    private var folder: AuditFolder { AuditFolder(path) }

    /// Reads the whole log as `petpro audit verify` does. Returns how many entries there are.
    private func verified() throws -> Int {
        var last: AuditEntry?
        var count = 0
        for file in try folder.files() {
            for line in try folder.lines(file) {
                last = try AuditEntry(line, after: last)
                count += 1
            }
        }
        return count
    }

    private func write(_ count: Int, at instant: Instant = november) throws {
        let events = (0..<count).map { (AuditEvent(.read, actor: "user \($0)", subject: 7), "gateway", instant) }
        _ = try folder.append(events, after: nil)
    }

    @Test("is one chain over months, restarts and several writers, for its owner only")
    func chain() async throws {
        try write(3)
        try write(2, at: november + .seconds(40 * 86_400))
        #expect(try folder.files() == ["2026-11.jsonl", "2026-12.jsonl"])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let log = AuditLog(folder: path, logger: quiet) { november + .seconds(40 * 86_400) }
                    let auditor = log.auditor("auth")
                    for _ in 0..<50 {
                        auditor.record(AuditEvent(.changed, subject: 7))
                        await log.flush()
                    }
                }
            }
        }
        #expect(try verified() == 205)
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/2026-12.jsonl")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test("shows a line that was changed, is missing between others, was put in or is torn")
    func faults() throws {
        try write(5)
        let file = path + "/2026-11.jsonl"
        let lines = try folder.lines("2026-11.jsonl").map(String.init)
        func fault(_ changed: [String]) throws -> AuditEntry.Fault? {
            try (changed.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            do {
                _ = try verified()
                return nil
            } catch let fault as AuditEntry.Fault {
                return fault
            }
        }
        #expect(try fault(lines) == nil)
        var changed = lines
        changed[2] = changed[2].replacing("user 2", with: "user 3")
        #expect(try fault(changed) == .changed)
        #expect(try fault(Array(lines[..<2] + lines[3...])) == .outOfOrder)
        #expect(try fault(lines + [lines[4]]) == .outOfOrder)
        #expect(try fault([lines[1], lines[0]] + lines[2...]) == .outOfOrder)
        #expect(try fault(Array(lines[..<4]) + [String(lines[4].dropLast(9))]) == .unreadable)
        // Nothing is written after a line that is not one of the log.
        #expect(throws: AuditFolder.Unreadable.self) { try write(1) }
        // What a crash cut off was never acknowledged. It makes way for the next entry.
        let torn = lines[..<4].joined(separator: "\n") + "\n" + lines[4].dropLast(9)
        try torn.write(toFile: file, atomically: true, encoding: .utf8)
        try write(2)
        #expect(try verified() == 6)
    }

    @Test("counts what it had no room for, and writes what it has at its end")
    func full() async throws {
        let log = AuditLog(folder: path, limit: 3, logger: quiet) { november }
        let auditor = log.auditor("gateway")
        for _ in 0..<5 { auditor.record(AuditEvent(.read)) }
        let running = Task { try await log.run() }
        running.cancel()
        try await running.value
        let kinds = try folder.lines("2026-11.jsonl").map { try JSONValue(parsing: String($0))["kind"]?.stringValue }
        #expect(kinds == ["read", "read", "read", "entries-lost"])
        #expect(try folder.lines("2026-11.jsonl").last?.contains("\"object\":\"2\"") == true)
    }

    @Test("stays one chain when a process is late at the turn of a month, or the clock goes back")
    func turnOfTheMonth() throws {
        let events = [(AuditEvent(.read), "gateway", november)]
        let late = try folder.append(events, after: nil)
        try write(1, at: november + .seconds(40 * 86_400))
        _ = try folder.append(events, after: late)
        #expect(try verified() == 3)
        #expect(try folder.lines("2026-12.jsonl").count == 2)
    }
}
