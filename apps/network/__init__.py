"""How nodes find each other and talk: the network file, and clients for the beacon and the validators."""
