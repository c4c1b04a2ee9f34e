import AuthService
import BookingService
import PetProAssembly
import PetProContracts
import ProductService
import VendorService

/// The services of the platform.
enum Modules {
    /// All of them, in the order in which they are started.
    static let all: [any ServiceModule.Type] = [
        AuthModule.self, BookingModule.self, VendorModule.self, ProductModule.self,
    ]

    /// A service by its name.
    static func module(_ name: ServiceName) -> any ServiceModule.Type {
        switch name {
        case .auth: AuthModule.self
        case .booking: BookingModule.self
        case .vendor: VendorModule.self
        case .product: ProductModule.self
        }
    }
}
