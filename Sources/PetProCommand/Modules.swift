import AuthService
import BookingService
import PetProAssembly
import PetProContracts
import ProductService
import VendorService

/// The services of the platform.
enum Modules {
    /// The modules of all services.
    static let all: [any ServiceModule.Type] = [
        AuthModule.self, BookingModule.self, VendorModule.self, ProductModule.self,
    ]

    /// Returns the module of a service.
    static func module(_ name: ServiceName) -> any ServiceModule.Type {
        switch name {
        case .auth: AuthModule.self
        case .booking: BookingModule.self
        case .vendor: VendorModule.self
        case .product: ProductModule.self
        }
    }
}
