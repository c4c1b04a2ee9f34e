public import PetProContracts

/// What a watcher of inventory knows of the stock, and whether what it was told fits together.
public struct ObservedStock: Sendable {
    /// The state of one product.
    public struct Product: Sendable, Hashable {
        /// How often the stock changed, counted from 1.
        public let version: Int
        /// The pieces in stock.
        public let quantity: Int
        /// The pieces that customers have reserved.
        public let reserved: Int

        init(version: Int, quantity: Int, reserved: Int) {
            self.version = version
            self.quantity = quantity
            self.reserved = reserved
        }

        /// What Product answers about a product.
        public init(_ inventory: Inventory) {
            self.init(version: inventory.version, quantity: inventory.quantity, reserved: inventory.reserved)
        }
    }

    /// The newest state of each product.
    public private(set) var products: [Int: Product] = [:]
    /// The last cursor, with which a later watch goes on.
    public private(set) var cursor: String?
    /// What did not fit: a position that does not rise, a version that is missing or comes twice, a wrong state before a change, a
    /// change without a cursor, a reset.
    public private(set) var faults: [String] = []
    private var position = 0

    /// Makes a watcher that knows nothing.
    public init() {}

    /// The changes that the watcher knows of, since each product's first version.
    public var changes: Int { products.values.reduce(0) { $0 + $1.version - 1 } }

    /// Takes a value of the watch.
    public mutating func take(_ chunk: InventoryChunk) {
        switch chunk {
        case .snapshot(let product, let quantity, let reserved, _, _, let version):
            products[product] = Product(version: version, quantity: quantity, reserved: reserved)
        case .snapshotEnd(let cursor), .heartbeat(let cursor, _):
            self.cursor = cursor
            position = max(position, InventoryCursor(cursor)?.seq ?? 0)
        case .change(let seq, let product, let version, _, let before, let after, _, let cursor):
            if seq <= position { faults.append("position \(seq) after \(position)") }
            if let known = products[product] {
                if version != known.version + 1 {
                    faults.append("version \(version) of product \(product) after \(known.version)")
                }
                if before.quantity != known.quantity || before.reserved != known.reserved {
                    faults.append("a change of another stock of product \(product) at \(seq)")
                }
            }
            if cursor.flatMap({ InventoryCursor($0) })?.seq != seq { faults.append("no cursor at \(seq)") }
            position = seq
            products[product] = Product(version: version, quantity: after.quantity, reserved: after.reserved)
            self.cursor = cursor
        case .reset(let why): faults.append("a reset: \(why)")
        }
    }
}
