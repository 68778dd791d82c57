# The lab's inventory with a second gateway at each site, which has the line to blue.
{"old": "10.99.0.3", "new": "10.99.0.4"} as $tunnels
| .sites[] |= (.name as $site
    | .gateways += [.gateways[0]
        | walk(if type == "string" then sub("\($site)-gw"; "\($site)-gw2") else . end)
        | .tunnel.address = $tunnels[$site]]
    | .lines |= map(if .carrier == "blue" then .gateway = "\($site)-gw2" else . end))
