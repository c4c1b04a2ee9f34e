/// The row of a lease.
struct LeaseRecord: Sendable, Hashable {
    /// The instance that has the lease. Empty when it was given up.
    var holder: String
    /// Rises with each holder, so that a former one is told apart.
    var token: Int
    /// Rises with each renewal.
    var beat: Int
}
