import Foundation
import PetProContracts
import PetProStorage
import Rookery
import RookeryTesting
import Testing

@testable import ProductService

@Suite("Stock of several instances", .timeLimit(.minutes(1)))
struct StockInstancesTests {
    @Test("is promised as far as there is some, by two that race for the last pieces")
    func race() async throws {
        let path = NSTemporaryDirectory() + "product-\(UUID().uuidString).sqlite"
        defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + end) } }
        var instances: [ProductController] = []
        var databases: [Database] = []
        for _ in 0..<2 {
            let database = try Database(path: path, migrations: ProductController.migrations)
            databases.append(database)
            instances.append(try await ProductController(database: database))
        }
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
}
