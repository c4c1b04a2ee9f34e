import ArgumentParser
import CommandSupport
import Foundation
import Logging
import PetProContracts
import PetProTesting
import Rookery
import RookeryTesting
import Synchronization

struct StockTrial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stock",
        abstract: "Changes stock at two instances of Product while watchers follow it and instances die.",
        discussion: """
            It starts two instances of Product over one database. Writers change the stock of some products at random. \
            Watchers follow all of it: they leave and come back with their cursor, or read nothing for a while. Every two \
            seconds, one instance is killed and started again, or frozen for six seconds, longer than a stream may be silent.

            At the end, each watcher must know what the database has. The positions that it saw must rise, and each product's \
            versions must follow one another: no change is missing, and none came twice. The decisions come from --seed; the \
            timing does not.

            Exit code 0: every watcher was told the truth. 1: any other verdict.
            """)

    @Option(help: "How many changes to make.")
    var changes = 10_000
    @Option(help: "How many watchers follow them.")
    var watchers = 50
    @Option(help: "The changes per second that the writers aim at.")
    var rate = 300
    @Option(help: "The seed of all random decisions.")
    var seed: UInt64 = 1
    @Option(help: "The connection string of a PostgreSQL database, in place of a SQLite file.")
    var database: String?
    @Option(help: "The path of petpro. Default: beside this program.")
    var petpro: String?

    func validate() throws {
        for (name, value) in [("changes", changes), ("watchers", watchers), ("rate", rate)] where value < 1 {
            throw ValidationError("--\(name) must be at least 1")
        }
    }

    private static let productCount = 20

    private final class Progress: Sendable {
        private let state = Mutex((changes: 0, openings: 0))
        var counts: (changes: Int, openings: Int) { state.withLock { $0 } }
        func changed() { state.withLock { $0.changes += 1 } }
        func opened() { state.withLock { $0.openings += 1 } }
    }

    func run() async throws {
        let program = try PetProProgram.url(petpro)
        let data = NSTemporaryDirectory() + "petpro-trial-" + UUID().uuidString
        let pair = try await ProductPair.start(program, data: data, database: database)
        Terminal.note("two instances of product, \(pair.addresses), data \(data)")
        let progress = Progress()
        let observed: [ObservedStock]
        let actual: [Int: ObservedStock.Product]
        do {
            // Fifty streams that move to another instance are no news here.
            let quiet = Logger(label: "trial") { _ in SwiftLogNoOpLogHandler() }
            let client = try RookeryClient(ClientConfiguration("product", at: pair.addresses), logger: quiet)
            let products = ProductAPIClient(client.with { $0.timeout = .seconds(5) })
            let ids = try await makeProducts(products)
            observed = try await withThrowingTaskGroup(of: ObservedStock?.self) { group in
                for writer in 0..<2 {
                    group.addTask {
                        try await write(writer, of: ids, to: products) { progress.changed() }
                        return nil
                    }
                }
                for watcher in 0..<watchers {
                    group.addTask {
                        try await watch(watcher, ids, products) { progress.opened() }
                    }
                }
                group.addTask {
                    try await pair.injectFaults(seed: seed) { Terminal.note($0) }
                    return nil
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: .seconds(5))
                        Terminal.note("\(progress.counts.changes) of \(changes) changes")
                    }
                }
                var all: [ObservedStock] = []
                while let next = try await group.next() {
                    guard let next else { continue }
                    all.append(next)
                    if all.count == watchers { break }
                }
                // The faults and the notes end with the last watcher.
                group.cancelAll()
                return all
            }
            actual = try await stock(of: ids, at: products)
            await client.close()
        } catch {
            pair.kill()
            throw error
        }
        await pair.stop()
        let wrong = observed.filter { !$0.faults.isEmpty || $0.products != actual }
        let faults = Set(observed.flatMap(\.faults))
        Terminal.line(
            "\(changes) changes, \(watchers) watchers with \(progress.counts.openings) openings, "
                + "\(pair.faultCount) faults: \(wrong.isEmpty ? "every watcher knows the stock" : "\(wrong.count) watchers are wrong")"
        )
        for fault in faults.sorted().prefix(20) { Terminal.line("  \(fault)") }
        if !wrong.isEmpty {
            Terminal.note("the data stays in \(data)")
            throw ExitCode(1)
        }
        try FileManager.default.removeItem(atPath: data)
    }

    private func makeProducts(_ products: ProductAPIClient) async throws -> [Int] {
        var ids: [Int] = []
        for number in 0..<Self.productCount {
            let request = CreateProduct(
                vendorId: 1, sku: "S\(number)", name: "Kibble", price: Money(amountMinor: 100, currency: .eur),
                currency: .eur, species: [.dog], quantity: 100_000)
            ids.append(try await products.createProduct(request).id)
        }
        return ids
    }

    /// Makes half of the changes at an even rate, each until it was acknowledged.
    private func write(
        _ writer: Int, of ids: [Int], to products: ProductAPIClient, note: () -> Void
    ) async throws {
        var random = SeededRandom(seed &* 1000 &+ UInt64(writer))
        let begin = ContinuousClock.now
        for number in 0..<(changes / 2 + (writer == 0 ? changes % 2 : 0)) {
            let due = begin + .seconds(1) * Double(number) * 2 / Double(rate)
            if ContinuousClock.now < due { try await Task.sleep(until: due, clock: .continuous) }
            let change = AdjustInventory(
                productId: ids[Int.random(in: ids.indices, using: &random)],
                delta: Bool.random(using: &random) ? 3 : -2, reason: .adjustment, actorId: 1, key: "\(writer)-\(number)"
            )
            while true {
                do {
                    _ = try await products.adjustInventory(change)
                    break
                } catch let error where error is CallError || (error as? RemoteError)?.code == .overloaded {
                    // The key makes it safe to ask again.
                    try await Task.sleep(for: .milliseconds(50))
                } catch let error as RemoteError where [.shuttingDown, .deadlineExceeded].contains(error.code) {
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            note()
        }
    }

    /// Follows the stock until all changes were seen. `opened` is called for each watch that is opened.
    private func watch(
        _ watcher: Int, _ ids: [Int], _ products: ProductAPIClient, opened: () -> Void
    ) async throws -> ObservedStock {
        var random = SeededRandom(seed &* 1000 &+ 500 &+ UInt64(watcher))
        var observed = ObservedStock()
        while observed.changes < changes {
            let request = WatchInventoryChanges(productIds: ids, after: observed.cursor)
            var left = Int.random(in: 50..<2000, using: &random)
            opened()
            do {
                for try await chunk in try await products.watchInventoryChanges(request) {
                    observed.take(chunk)
                    if observed.changes >= changes { return observed }
                    left -= 1
                    if left <= 0, observed.cursor != nil { break }
                    if Int.random(in: 0..<500, using: &random) == 0 {
                        try await Task.sleep(for: .milliseconds(Int.random(in: 10..<2000, using: &random)))
                    }
                }
            } catch let error where error is CallError || error is RemoteError {
                // The watcher comes back. One whose first snapshot was broken off begins anew.
                if observed.cursor == nil { observed = ObservedStock() }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        return observed
    }

    private func stock(of ids: [Int], at products: ProductAPIClient) async throws -> [Int: ObservedStock.Product] {
        var stock: [Int: ObservedStock.Product] = [:]
        for id in ids {
            stock[id] = ObservedStock.Product(try await products.checkInventory(CheckInventory(productId: id)))
        }
        return stock
    }
}
