"""How well sections are found: centres, angles, parts lost or there twice."""
