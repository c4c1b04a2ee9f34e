@_exported public import RookeryCalls
@_exported public import RookeryCore
@_exported public import RookeryPolicies
@_exported public import RookeryTCP
@_exported public import RookeryWire
