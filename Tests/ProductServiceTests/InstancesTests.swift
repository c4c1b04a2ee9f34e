import Foundation
import PetProContracts
import PetProStorage
import PetProTesting
import Rookery
import RookeryTesting
import Testing

@testable import ProductService

@Suite("Stock of several instances", .timeLimit(.minutes(1)))
struct StockInstancesTests {
    @Test("is promised as far as there is some, by two that race for the last pieces")
    func race() async throws {
        let folder = try PrivateFolder()
        let databases = try Database.shared(2, ProductController.migrations, in: folder.path)
        var instances: [ProductController] = []
        for database in databases { instances.append(try await ProductController(database: database)) }
        let product = try await instances[0].createProduct(
            CreateProduct(
                vendorId: 1, sku: "KIB", name: "Kibble", price: Money(amountMinor: 100, currency: .eur), currency: .eur,
                species: [.dog], quantity: 10))
        let outcomes = try await withThrowingTaskGroup(of: String.self) { [instances] group in
            for customer in 1...60 {
                group.addTask {
                    do {
                        _ = try await instances[customer % 2].reserveInventory(
                            ReserveInventory(productId: product.id, quantity: 1, customerId: customer, key: "k"))
                        return "reserved"
                    } catch let error as RemoteError {
                        return error.code?.rawValue ?? ""
                    }
                }
            }
            return try await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes == ["reserved": 10, "INSUFFICIENT_STOCK": 50])
        for instance in instances {
            let stock = try await instance.checkInventory(CheckInventory(productId: product.id))
            #expect(stock.available == 0 && stock.reserved == 10)
        }
        for database in databases { try database.close() }
    }

    /// What a watcher knows of the stock, and whether what it was told fits together.
    private struct Known {
        var stock: [Int: (version: Int, quantity: Int, reserved: Int)] = [:]
        var cursor: String?
        var lastSeq = 0
        var faults: [String] = []

        mutating func take(_ chunk: InventoryChunk) {
            switch chunk {
            case .snapshot(let product, let quantity, let reserved, _, _, let version):
                stock[product] = (version, quantity, reserved)
            case .snapshotEnd(let cursor), .heartbeat(let cursor, _):
                self.cursor = cursor
                lastSeq = max(lastSeq, cursor.split(separator: ":").last.flatMap { Int($0) } ?? 0)
            case .change(let seq, let product, let version, _, let before, let after, _):
                if seq <= lastSeq { faults.append("position \(seq) after \(lastSeq)") }
                if let known = stock[product] {
                    if version != known.version + 1 { faults.append("version \(version) after \(known.version)") }
                    if before.quantity != known.quantity { faults.append("a change of another quantity") }
                }
                lastSeq = seq
                stock[product] = (version, after.quantity, after.reserved)
                cursor = cursor.map { $0.split(separator: ":")[0] + ":\(seq)" }
            case .reset(let why): faults.append(why)
            }
        }
    }

    @Test(
        "is known to every watcher, who leaves, and goes on after its cursor at another instance",
        arguments: UInt64(0)..<3)
    func watchers(_ seed: UInt64) async throws {
        let folder = try PrivateFolder()
        let databases = try Database.shared(2, ProductController.migrations, in: folder.path)
        var made: [ProductController] = []
        for database in databases { made.append(try await ProductController(database: database)) }
        let instances = made
        var ids: [Int] = []
        for number in 0..<4 {
            ids.append(
                try await instances[0].createProduct(
                    CreateProduct(
                        vendorId: 1, sku: "S\(number)", name: "Kibble", price: Money(amountMinor: 100, currency: .eur),
                        currency: .eur, species: [.dog], quantity: 1000)
                ).id)
        }
        let products = ids
        let changes = 300
        let watched = try await withThrowingTaskGroup(of: Known?.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    var random = SeededRandom(seed * 100 + UInt64(writer))
                    for number in 0..<(changes / 2) {
                        let product = products[Int.random(in: 0..<4, using: &random)]
                        _ = try await instances[writer].adjustInventory(
                            AdjustInventory(
                                productId: product, delta: Bool.random(using: &random) ? 3 : -2, reason: .adjustment,
                                actorId: 1, key: "\(writer)-\(number)"))
                    }
                    return nil
                }
            }
            for watcher in 0..<10 {
                group.addTask {
                    var random = SeededRandom(seed * 100 + 50 + UInt64(watcher))
                    var known = Known()
                    var last = 0
                    repeat {
                        // Leaves after some chunks, and goes on at any instance.
                        let at = Int.random(in: 0..<2, using: &random)
                        let request = WatchInventoryChanges(productIds: products, after: known.cursor)
                        var left = Int.random(in: 5..<40, using: &random)
                        for try await chunk in try await instances[at].watchInventoryChanges(request) {
                            known.take(chunk)
                            left -= 1
                            last = known.stock.values.reduce(0) { $0 + $1.version } - 4
                            if known.cursor != nil, left <= 0 || last >= changes { break }
                        }
                    } while last < changes
                    return known
                }
            }
            return try await group.reduce(into: [Known]()) { if let known = $1 { $0.append(known) } }
        }
        #expect(watched.count == 10)
        for known in watched {
            #expect(known.faults == [])
            for product in products {
                let stock = try await instances[0].checkInventory(CheckInventory(productId: product))
                #expect(
                    known.stock[product]?.quantity == stock.quantity && known.stock[product]?.version == stock.version)
            }
        }
        // A cursor of another log, or one that is too old, begins anew, and says why.
        for (cursor, why) in [
            ("x:1", "another log"), ("\(watched[0].cursor?.split(separator: ":")[0] ?? ""):999999", "another log"),
        ] {
            var first: InventoryChunk?
            let request = WatchInventoryChanges(productIds: products, after: cursor)
            for try await chunk in try await instances[0].watchInventoryChanges(request) {
                first = chunk
                break
            }
            guard case .reset(let reason)? = first else {
                Issue.record("\(String(describing: first))")
                continue
            }
            #expect(reason.contains(why))
        }
        for database in databases { try database.close() }
    }
}

/// A folder that is deleted with this object.
private final class PrivateFolder: Sendable {
    let path = NSTemporaryDirectory() + "product-" + UUID().uuidString
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}
