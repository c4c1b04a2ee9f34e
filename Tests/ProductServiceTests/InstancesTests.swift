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
        let watched = try await withThrowingTaskGroup(of: ObservedStock?.self) { group in
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
                    var known = ObservedStock()
                    repeat {
                        // Leaves after some chunks, and goes on at any instance.
                        let at = Int.random(in: 0..<2, using: &random)
                        let request = WatchInventoryChanges(productIds: products, after: known.cursor)
                        var left = Int.random(in: 5..<40, using: &random)
                        for try await chunk in try await instances[at].watchInventoryChanges(request) {
                            known.take(chunk)
                            left -= 1
                            if known.cursor != nil, left <= 0 || known.changes >= changes { break }
                        }
                    } while known.changes < changes
                    return known
                }
            }
            return try await group.reduce(into: [ObservedStock]()) { if let known = $1 { $0.append(known) } }
        }
        #expect(watched.count == 10)
        for known in watched {
            #expect(known.faults == [])
            for product in products {
                let stock = try await instances[0].checkInventory(CheckInventory(productId: product))
                #expect(
                    known.products[product]?.quantity == stock.quantity
                        && known.products[product]?.version == stock.version)
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
