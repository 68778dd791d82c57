# A gateway's vipd.json made from its site's first one's.  $inventory, $site, $host, $pool: where its servers answer.
([$inventory[0].sites[] | select(.name == $site).lines[] | select(.gateway == $host).carrier]) as $own
| walk(if type == "string" then sub("\($site)-gw"; $host) else . end)
| .memory.mib = 128
| .ports |= map(select(.name as $name | $own + ["servers", "link"] | index($name)))
| .lines |= map(select(.carrier as $name | $own | index($name)))
| .pools = [{"name": "out", "addresses": [$pool]}]
| .services |= map(.source_nat = "out")
