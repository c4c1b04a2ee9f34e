import Foundation
import GRDB
import NIOCore
import Rookery
import Testing

@testable import PetProStorage

@Suite("Writes that share a commit")
struct SharedTransactionTests {
    /// A closure that notes how often it ran, and what its caller would be told.
    private final class Job: DatabaseJob, @unchecked Sendable {
        // Only the test that made it touches it.
        let body: (Transaction) throws -> Void
        var runs = 0
        var error: (any Error)?

        init(_ access: Access = .write, _ body: @escaping (Transaction) throws -> Void) {
            self.body = body
            super.init(access)
        }

        override func run(_ transaction: Transaction) throws {
            runs += 1
            error = nil
            try body(transaction)
        }
        override func failed(_ error: any Error) { self.error = error }
    }

    private struct Refused: Error {}

    /// What a database in a file has seen after some jobs, and what became of these.
    private func run(
        _ jobs: [Job], isLong: @escaping (DatabaseJob.Access) -> Bool = { _ in false },
        more: @escaping (Int) -> [DatabaseJob] = { _ in [] }, look: (GRDB.DatabaseQueue) throws -> Void = { _ in }
    ) throws -> (names: [String], outcome: SharedTransaction.Outcome) {
        let folder = NSTemporaryDirectory() + "petpro-shared-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var configuration = GRDB.Configuration()
        configuration.journalMode = .wal
        let queue = try DatabaseQueue(path: folder + "/test.sqlite", configuration: configuration)
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE parents (id INTEGER PRIMARY KEY);
                    CREATE TABLE things (name TEXT, parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
                    """)
        }
        try look(queue)
        let outcome = queue.writeWithoutTransaction { database in
            let connection = SQLiteConnection(database)
            defer { #expect(!connection.isInTransaction) }
            return SharedTransaction(connection: connection, isLong: isLong, more: more).run(jobs)
        }
        let names = try queue.read { try String.fetchAll($0, sql: "SELECT name FROM things ORDER BY rowid") }
        return (names, outcome)
    }

    private func insert(_ name: String, parent: Int? = nil) -> Job {
        Job { try $0.execute("INSERT INTO things (name, parent) VALUES (?, ?)", name, parent) }
    }

    @Test(
        "are in one transaction: each sees those before it, and no other connection sees any before all are committed")
    func sharing() throws {
        var other: DatabaseQueue?
        var seenInside = -1
        var seenOutside = -1
        let second = Job { transaction in
            seenInside = try transaction.table("SELECT name FROM things").count
            seenOutside = try other?.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM things") ?? -1 } ?? -1
        }
        let (names, outcome) = try run(
            [insert("a"), second, insert("b")], look: { other = try DatabaseQueue(path: $0.path) })
        #expect(seenInside == 1 && seenOutside == 0)
        #expect(names == ["a", "b"] && outcome.done.count == 3 && outcome.left.isEmpty)
        #expect(second.runs == 1)
    }

    @Test("are joined by those that come meanwhile, up to one of another kind")
    func joining() throws {
        let read = Job(.read) { _ in }
        var coming: [[DatabaseJob]] = [[insert("c")], [insert("d"), read, insert("e")]]
        var counts: [Int] = []
        let (names, outcome) = try run(
            [insert("a"), insert("b")],
            more: { count in
                counts.append(count)
                return coming.isEmpty ? [] : coming.removeFirst()
            })
        #expect(names == ["a", "b", "c", "d"] && counts == [2, 3])
        #expect(outcome.done.count == 4 && outcome.left.count == 2 && outcome.left.first === read && read.runs == 0)
    }

    @Test("are rolled back alone when their closures throw")
    func throwing() throws {
        let failing = Job { transaction in
            try transaction.execute("INSERT INTO things (name) VALUES ('no')")
            throw Refused()
        }
        let (names, outcome) = try run([insert("a"), failing, insert("b")])
        #expect(names == ["a", "b"] && outcome.done.count == 3)
        #expect(failing.error is Refused && failing.runs == 1)
    }

    @Test("run again, each by itself, when their common commit fails; only the one at fault fails")
    func commitFails() throws {
        let (first, orphan, last) = (insert("a"), insert("orphan", parent: 7), insert("b"))
        let (names, outcome) = try run([first, orphan, last])
        #expect(names == ["a", "b"] && outcome.done.count == 3)
        #expect(first.error == nil && last.error == nil)
        #expect((orphan.error as? EngineError)?.kind == .constraint)
        #expect([first, orphan, last].allSatisfy { $0.runs == 2 })
    }

    @Test("run again when one of them made the database give the whole transaction up, as a full disk does")
    func givenUp() throws {
        let (first, last) = (insert("a"), insert("b"))
        let failing = Job { transaction in
            try transaction.execute("ROLLBACK")
            throw Refused()
        }
        let (names, outcome) = try run([first, failing, last])
        #expect(names == ["a"] && outcome.done.count == 2 && outcome.left.count == 1)
        #expect(first.runs == 2 && last.runs == 0 && failing.error is Refused)
        // One that swallows that is told all the same: nothing of it was committed.
        let swallowing = Job { try $0.execute("ROLLBACK") }
        _ = try run([swallowing])
        #expect(swallowing.error != nil)
    }

    @Test("do not join when the time of their message is over")
    func late() throws {
        let late = MessageContext(pattern: "p", peer: "test", deadline: .after(.seconds(-1)))
        let tooLate = MessageContext.$source.withValue(late) { insert("late") }
        let (names, _) = try run([insert("a"), tooLate, insert("b")])
        #expect(names == ["a", "b"] && tooLate.runs == 0)
        #expect((tooLate.error as? RemoteError)?.code == .deadlineExceeded)
    }

    @Test("are left for the next commit when this one has taken long enough")
    func long() throws {
        var looks = 0
        let (names, outcome) = try run(
            [insert("a"), insert("b"), insert("c"), Job(.read) { _ in }],
            isLong: { _ in
                looks += 1
                return looks > 1
            })
        #expect(names == ["a", "b"])
        #expect(outcome.done.count == 2 && outcome.left.count == 2)
    }

    @Test("are not in one transaction with reads, nor with what needs none")
    func kinds() throws {
        var wasInTransaction = true
        let bare = Job(.bare) { transaction in
            wasInTransaction = (try? transaction.execute("ROLLBACK")) != nil
        }
        #expect(try run([insert("a"), Job(.read) { _ in }]).outcome.left.count == 1)
        #expect(try run([Job(.read) { _ in }, Job(.read) { _ in }, insert("a")]).outcome.done.count == 2)
        #expect(try run([bare, bare]).outcome.left.count == 1 && !wasInTransaction)
    }
}

@Suite("The queue of a database's threads")
struct JobQueueTests {
    private final class Job: DatabaseJob, @unchecked Sendable {
        // Only the test that made it touches it.
        let number: Int
        var isRefused = false
        init(_ number: Int, of peer: String? = nil) {
            self.number = number
            super.init(.read, source: peer.map { MessageContext(pattern: "p", peer: $0) })
        }
        override func failed(_ error: any Error) { isRefused = (error as? RemoteError)?.code == .overloaded }
    }

    private func numbers(_ jobs: [DatabaseJob]?) -> [Int]? { jobs?.compactMap { ($0 as? Job)?.number } }

    @Test("gives jobs out in their order, those that were put back first")
    func order() {
        let queue = JobQueue(limit: 10)
        queue.add((1...5).map { Job($0) })
        let taken = queue.next(atMost: 3) ?? []
        #expect(numbers(taken) == [1, 2, 3])
        queue.putBack(taken.dropFirst())
        #expect(numbers(queue.next(atMost: 9)) == [2, 3, 4, 5])
    }

    @Test("gives out a job of each peer in turn, so that one with many does not delay another")
    func turns() {
        let queue = JobQueue(limit: 4)
        queue.add([Job(1, of: "a"), Job(2, of: "a"), Job(3, of: "a")])
        let taken = queue.next(atMost: 64) ?? []
        queue.add([Job(4, of: "b")])
        queue.putBack(taken.dropFirst())
        #expect(numbers(queue.next(atMost: 64)) == [2, 4, 3])
    }

    @Test("when it is full, refuses a job of the peer with most")
    func eviction() {
        let queue = JobQueue(limit: 2)
        let jobs = [Job(1, of: "a"), Job(2, of: "a"), Job(3, of: "b")]
        queue.add(jobs)
        #expect(jobs.map(\.isRefused) == [false, true, false])
    }

    @Test("takes no more than its limit, and nothing when it is closed; what is in it still comes out")
    func bounds() {
        let queue = JobQueue(limit: 2)
        let jobs = (1...4).map { Job($0) }
        queue.add(Array(jobs[..<3]))
        queue.close()
        queue.add([jobs[3]])
        #expect(jobs.map(\.isRefused) == [false, false, true, true])
        #expect(numbers(queue.next(atMost: 9)) == [1, 2] && queue.next(atMost: 9) == nil)
    }
}
