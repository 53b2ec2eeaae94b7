"""Reads of a namespace: sessions, insights, links, conflicts and names, now or at a moment.

Others use: `conflicts`, `insights.get_insight`, `insights.update_insight`, `lanes.Lanes`,
`lanes.SPAN_MAX`, `lanes.lanes`, `links`, `namespaces.namespaces`, `profiles.Profile`,
`profiles.about`, `sessions`, `short_ids.insight_id_of`, `short_ids.session_id_of`,
`short_ids.thing_id_of`.
"""
