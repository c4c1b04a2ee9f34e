public import Rookery

// Events carry ids and states, never personal data. They are sent as requests, so that subscribers acknowledge them. The data of an
// event is the whole state that matters to its subscribers, who may miss an older version.

/// The services. Raw values are the names on the command line and in the logs.
public enum ServiceName: String, Sendable, CaseIterable {
    case auth, booking, vendor, product

    /// The name of the service in the diagrams.
    public var participant: String {
        switch self {
        case .auth: "AuthService"
        case .booking: "BookingService"
        case .vendor: "VendorService"
        case .product: "ProductService"
        }
    }
}

/// The types of events, with their publishers and subscribers.
public enum EventType: String, Sendable, CaseIterable {
    case userCreated = "user.created"
    case userDeleted = "user.deleted"
    case vendorCreated = "vendor.created"
    case vendorStatusChanged = "vendor.status-changed"
    case vendorScheduleChanged = "vendor.schedule-changed"
    case bookingCreated = "booking.created"
    case bookingStatusChanged = "booking.status-changed"
    case inventoryChanged = "product.inventory-changed"
    case lowStock = "product.low-stock"

    /// The service that publishes the event.
    public var publisher: ServiceName {
        switch self {
        case .userCreated, .userDeleted: .auth
        case .vendorCreated, .vendorStatusChanged, .vendorScheduleChanged: .vendor
        case .bookingCreated, .bookingStatusChanged: .booking
        case .inventoryChanged, .lowStock: .product
        }
    }

    /// The services that receive the event.
    public var subscribers: [ServiceName] {
        switch self {
        case .userDeleted: [.booking, .vendor, .product]
        case .vendorCreated: [.auth]
        case .vendorStatusChanged: [.booking, .product]
        case .bookingCreated, .bookingStatusChanged: [.vendor]
        case .userCreated, .vendorScheduleChanged, .inventoryChanged, .lowStock: []
        }
    }
}

@Message
public struct VendorCreated {
    public var vendorId: Int
    public var userId: Int
    public var status: VendorStatus
}

@Message
public struct VendorStatusChanged {
    public var vendorId: Int
    public var from: VendorStatus
    public var to: VendorStatus
}

@Message
public struct VendorScheduleChanged {
    public var vendorId: Int
    public var version: Int
}

@Message
public struct UserCreated {
    public var userId: Int
    public var role: Role
}

@Message
public struct UserDeleted {
    public var userId: Int
}

@Message
public struct BookingCreated {
    public var bookingId: Int
    public var vendorId: Int
    public var serviceId: Int
    public var start: Instant
    public var end: Instant
    public var status: BookingStatus
}

@Message
public struct BookingStatusChanged {
    public var bookingId: Int
    public var vendorId: Int
    public var from: BookingStatus
    public var to: BookingStatus
    /// What the booking is for, and when. Nil from a publisher of an earlier version.
    public var serviceId: Int?
    public var start: Instant?
    public var end: Instant?
}

@Message
public struct InventoryChanged {
    public var productId: Int
    public var seq: Int
    public var reason: InventoryReason
    public var available: Int
}

@Message
public struct LowStock {
    public var productId: Int
    public var available: Int
    public var threshold: Int
}
