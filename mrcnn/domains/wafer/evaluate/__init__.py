"""Evaluate detected sections: errors of centre and angle, missed parts and parts found twice."""
