/// The caller's sequence threw. Transports throw this, so that nothing takes the caller's error for one of the instance.
package struct ClientStreamFailed: Error {
    /// What the sequence threw, which the caller gets.
    package let error: any Error

    package init(_ error: any Error) { self.error = error }
}
